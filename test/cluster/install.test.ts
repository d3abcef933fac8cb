import { rmSync } from 'node:fs';
import {
  buildShoalImage,
  type Host,
  type HostInit,
  privileges,
  removeImage,
  removePlainHost,
  run,
  say,
  startPlainHost,
  tryRun,
  until,
} from '@shoal/testbed';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeArchives } from '../../scripts/archive.ts';
import { earlierArchive } from './earlier-release.ts';
import { cluster, image } from './shared.ts';

/** Two hosts with Docker and nothing else: Shoal comes from the archive, as people get it. */
let first: Host;
let second: Host;

const soon = { timeoutMs: 30_000 };

const on = async (host: Host, script: string) => {
  const { code, stdout, stderr } = await tryRun('docker', ['exec', host.container, 'sh', '-ec', script], {
    timeoutMs: 120_000,
  });
  return { code, stdout, stderr };
};

/** All that could be left behind on a host. */
const present = (host: Host): Promise<string> =>
  host.sh(`
    ip -o link | cut -d: -f2 | grep -v '@' | sort
    ip rule
    ip -4 route show table all | grep 'proto 83' || true
    nft list tables | grep -w shoal || true
    iptables -S DOCKER-USER
    iptables -t raw -S
    docker ps -aq
    docker network ls --format '{{.Name}}'
    docker context ls --format '{{.Name}}' 
    ls -d /opt/shoal/current /opt/shoal/releases /usr/local/bin/shoal /var/lib/shoal 2>/dev/null || true
    ls /run/shoal /var/log/shoal 2>/dev/null | grep -v -e hold -e host.log || true
    ls /etc/systemd/system /etc/init.d /etc/runlevels/default 2>/dev/null || true
    ps -eo args= | grep -E '/opt/shoal/(current|releases)/' | grep -v grep || true
  `);

const pidOfAgent: Readonly<Record<HostInit, string>> = {
  supervisor: 'cat /run/shoal/agent.pid',
  systemd: 'systemctl show --property MainPID --value shoal-agent',
  openrc: 'cat /run/openrc/options/shoal-agent/child_pid',
};
const agentPid = async (host: Host, init: HostInit): Promise<number> =>
  Number((await on(host, pidOfAgent[init])).stdout);

const unpack = async (host: Host, archive: string, folder: string): Promise<void> => {
  await run('docker', ['cp', archive, `${host.container}:/root/${folder}.tar.gz`]);
  await host.sh(
    `mkdir /root/${folder} && tar -xzf /root/${folder}.tar.gz -C /root/${folder} --strip-components=1`,
  );
};

describe.each<HostInit>(['supervisor', 'systemd', 'openrc'])('on hosts with %s', (init) => {
  /** What was on each, which is not the same on every Debian. */
  const untouched = new Map<Host, string>();
  /** The second host begins with the release before, whose agent has to go on with this one's manager until its own upgrade. */
  let earlier: Awaited<ReturnType<typeof earlierArchive>>;
  beforeAll(async () => {
    const [archive = ''] = await makeArchives([process.arch], () => undefined);
    if (init === 'supervisor') earlier = await earlierArchive();
    const [like] = cluster.hosts;
    first = await startPlainHost(like, { name: 'p1', last: 31, init, suite: 'bookworm' });
    second = await startPlainHost(like, {
      name: 'p2',
      last: 32,
      init,
      // Newer systemd takes no control groups of version 1.
      suite: init === 'supervisor' ? 'trixie' : 'bookworm',
    });
    for (const host of [first, second]) {
      untouched.set(host, await present(host));
      await unpack(host, archive, 'shoal');
    }
    await unpack(second, earlier?.archive ?? archive, 'first');
  }, 300_000);
  afterAll(async () => {
    if (earlier) rmSync(earlier.folder, { recursive: true });
    for (const host of [first, second]) if (host) await removePlainHost(host);
  }, 60_000);

  let joinLine = '';

  it('a cluster of two hosts with a service on both takes four commands', async () => {
    const init = await on(first, 'sh /root/shoal/install.sh init --encrypt');
    expect(init).toMatchObject({ code: 0 });
    joinLine = /shoal (join --token SHOAL-1-\S+ [\d.]+:2480)/.exec(init.stdout)?.[1] ?? '';
    // An agent that says little can be upgraded, too; the release before did not know that.
    const quiet = earlier ? '' : "--agent-args '--log-level warn'";
    const join = await on(second, `sh /root/first/install.sh ${joinLine} ${quiet}`);
    expect(join).toMatchObject({ code: 0 });
    const create = `docker --context shoal service create --name web --replicas 2 --replicas-max-per-node 1 --publish 18099:8080 --detach=false --quiet ${image}`;
    expect(await on(first, create)).toMatchObject({ code: 0 });
    for (const host of [first, second]) expect((await host.get(18_099)).status).toBe(200);
  }, 120_000);

  it('its overlay networks are encrypted, as `init --encrypt` asked for', async () => {
    const create = 'docker --context shoal network create -d overlay';
    const inspect = "docker --context shoal network inspect -f '{{json .Options}}' back open";
    const remove = 'docker --context shoal network rm back open';
    const { code, stdout } = await on(
      first,
      `${create} back >/dev/null; ${create} -o encrypted=false open >/dev/null; ${inspect}; ${remove} >/dev/null`,
    );
    expect({ code, stdout }).toEqual({ code: 0, stdout: '{"encrypted":""}\n{"encrypted":"false"}\n' });
  });

  it('shoal status says that all is well, on both', async () => {
    await until(
      'both hosts are well',
      async () =>
        (await Promise.all([first, second].map((host) => on(host, 'shoal status')))).every(
          ({ code, stdout }) => code === 0 && stdout.includes('All is well.'),
        ),
      soon,
    );
    expect((await on(first, 'shoal status')).stdout).toMatch(
      /nodes +2 of 2 ready.*services +1 of 1 complete/s,
    );
  });

  if (init === 'supervisor')
    it('what the agent of the release before would leave out is not given to it', async () => {
      if (!earlier) return say('this clone has no history, so there is no agent of the release before');
      const docker = 'docker --context shoal';
      await first.sh(`
        echo hunter2 | ${docker} secret create planted -
        ${docker} service create --detach --name sealed --secret planted --replicas 2 --replicas-max-per-node 1 ${image}
      `);
      await until(
        'one runs on the first host, and the other says why it does not run on the second',
        async (seen) => {
          const tasks = await first.sh(
            `${docker} service ps --no-trunc --format '{{.Node}} {{.CurrentState}} {{.Error}}' sealed`,
          );
          seen(tasks);
          return /^p1 Running/m.test(tasks) && tasks.includes('Shoal is too old on 1 node');
        },
        soon,
      );
      await first.sh(`${docker} service rm sealed && ${docker} secret rm planted`);
    });

  it('programs that are killed come back, and shoal start is for a host that was off', async () => {
    const pid = await agentPid(second, init);
    await second.sh(`kill -9 ${pid}`);
    await until(
      'the agent runs again',
      async (seen) => {
        const now = await agentPid(second, init);
        seen([pid, now]);
        return now > 0 && now !== pid;
      },
      soon,
    );
    await second.sh('shoal start');
    await until('it is well', async () => (await on(second, 'shoal status')).code === 0, soon);
    expect((await on(second, 'shoal init')).stderr).toMatch(/in the cluster of .* already/);
  });

  it('another release takes over while containers run on; one that does not work is taken back', async () => {
    const running = () => second.sh('docker ps -q --no-trunc');
    const before = await running();
    const release =
      'cd /root && rm -rf next && cp -R shoal next && echo NAME > next/version && sh next/install.sh';
    const next = `${release.replace('NAME', '9.9.9-next')} upgrade`;
    const tooEarly = await on(second, next);
    expect([tooEarly.code, tooEarly.stderr]).toEqual([
      1,
      expect.stringMatching(/is of 0\.1\.0-\w+ still: upgrade that host first\nThis host is back in 0\.1\.0/),
    ]);
    for (const host of [first, second]) {
      const { code, stdout } = await on(host, next);
      expect([code, stdout]).toEqual([0, expect.stringContaining('runs in release 9.9.9-next.')]);
    }
    const broken = release.replace('&& sh', '&& echo "process.exit(1)" > next/agent/main.mjs && sh');
    const { code, stderr } = await on(second, `${broken.replace('NAME', '9.9.9-broken')} upgrade`);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/is back in 9\.9\.9-next/)]);
    await until('both are well', async () => (await on(first, 'shoal status')).code === 0, soon);
    expect(await running()).toBe(before);
  }, 180_000);

  it('a bundle for support has logs and state, and no secret', async () => {
    const planted = 'hunter2-of-the-test';
    const update = `docker --context shoal service update --quiet --detach --env-add PASS=${planted} web`;
    expect(await on(first, update)).toMatchObject({ code: 0 });
    expect(await on(first, 'shoal support-bundle /root/bundle.tar.gz')).toMatchObject({ code: 0 });
    const all = await first.sh(
      'mkdir /root/bundle && tar -xzf /root/bundle.tar.gz -C /root/bundle && cat $(find /root/bundle -type f)',
    );
    expect(all).toContain('manager is up');
    expect(all).toContain('"PASS=[taken out]"');
    const token = /--token (\S+)/.exec(joinLine)?.[1] ?? '';
    for (const secret of [planted, token]) expect(all).not.toContain(secret);
  });

  it('a host that leaves keeps nothing of the cluster', async () => {
    expect(await on(second, 'shoal leave')).toMatchObject({ code: 0 });
    expect(await on(second, 'shoal status')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/in no cluster/),
    });
    await until(
      'its manager says that it is down',
      async () => {
        const { code, stdout } = await on(first, 'shoal status');
        return code === 1 && /p2 is down/.test(stdout);
      },
      soon,
    );
  });

  it('a wrong token is said at once', async () => {
    const wrong = joinLine.replace(/SHOAL-1-\S+/, 'SHOAL-1-wrong');
    const { code, stderr } = await on(second, `shoal ${wrong}`);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/does not want this host/)]);
    expect(await on(second, 'shoal uninstall')).toMatchObject({ code: 0 });
    expect(await present(second)).toBe(untouched.get(second));
  });

  it('the manager leaves only by force, and then all is gone from its host, too', async () => {
    expect(await on(first, 'shoal leave')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/--force/),
    });
    expect(await on(first, 'shoal uninstall --force')).toMatchObject({ code: 0 });
    expect(await present(first)).toBe(untouched.get(first));
  });
});

describe('on a host on which nothing may be installed', () => {
  let host: Host;
  let before: string;
  let name: string;
  beforeAll(async () => {
    name = await buildShoalImage();
    host = await startPlainHost(cluster.hosts[0], {
      name: 'p1',
      last: 31,
      init: 'supervisor',
      suite: 'bookworm',
    });
    await run('sh', ['-c', `docker save ${name} | docker exec -i ${host.container} docker load`], {
      timeoutMs: 120_000,
    });
    before = await present(host);
    await host.exec([
      ...['docker', 'run', '--detach', '--name', 'shoal', '--restart', 'always'],
      ...(await privileges(host)),
      ...['--network', 'host', '--pid', 'host', '--cgroupns', 'host'],
      ...[
        '/var/run/docker.sock:/var/run/docker.sock',
        '/run/shoal:/run/shoal',
        '/var/lib/shoal:/var/lib/shoal',
        '/var/lib/docker:/var/lib/docker:ro,rslave',
        '/sys/fs/cgroup:/sys/fs/cgroup:ro',
      ].flatMap((volume) => ['--volume', volume]),
      name,
    ]);
  }, 300_000);
  afterAll(async () => {
    if (host) await removePlainHost(host);
    if (name) await removeImage(name);
  }, 60_000);

  it('a container of Shoal is all it takes, and it can be replaced while tasks run on', async () => {
    const shoal = (words: string) => on(host, `docker exec shoal shoal ${words}`);
    expect(await shoal('init')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('docker -H unix:///run/shoal/shoal.sock service create'),
    });
    const create = `docker -H unix:///run/shoal/shoal.sock service create --name web --replicas 2 --publish 18099:8080 --detach=false --quiet ${image}`;
    expect(await on(host, create)).toMatchObject({ code: 0 });
    expect((await host.get(18_099)).status).toBe(200);
    const tasks = () => host.sh('docker ps -q --no-trunc --filter label=shoal.task.id | sort');
    const running = await tasks();
    await host.sh('docker restart shoal');
    await until('all is well again', async () => (await shoal('status')).code === 0, soon);
    expect(await tasks()).toBe(running);
    expect(await shoal('leave --force')).toMatchObject({ code: 0 });
    await host.sh('docker rm --force shoal && rmdir /var/lib/shoal');
    expect(await present(host)).toBe(before);
  }, 180_000);
});
