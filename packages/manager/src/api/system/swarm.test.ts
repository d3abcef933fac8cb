import { parseJoinToken } from '@shoal/proto/rules';
import { describe, expect, it } from 'vitest';
import { purposes } from '../../model/index.ts';
import { aNode } from '../../testing.ts';
import { anApi, aSpec, authority, vault } from '../testing.ts';

const hourNs = 60 * 60 * 1e9;

async function aSwarm() {
  const { store, call } = await anApi((tx) => {
    const digest = [...tx.clusters.all()][0]?.trust.root.digest ?? '';
    tx.nodes.create(aNode('n1', { allotted: { signedBy: digest } }));
    tx.nodes.create(aNode('n2', { allotted: { signedBy: '' } }));
  });
  const swarm = async () => (await call('GET', '/swarm')).body;
  /** As docker does: reads the spec, changes something, and sends all of it. */
  const update = async (change: object = {}, query = '') => {
    const { Version, Spec } = await swarm();
    return call('POST', `/swarm/update?version=${Version.Index}${query}`, { ...Spec, ...change });
  };
  const trust = () => {
    const [cluster] = store.view.clusters.all();
    if (!cluster) throw new Error('no cluster');
    return cluster.trust;
  };
  return { store, call, swarm, update, trust };
}

describe('join tokens', () => {
  it('are rotated one by one, and the one before counts no more', async () => {
    const { swarm, update, trust } = await aSwarm();
    const before = (await swarm()).JoinTokens;
    expect((await update({}, '&rotateWorkerToken=true')).status).toBe(200);
    const after = (await swarm()).JoinTokens;
    expect(after.Worker).not.toBe(before.Worker);
    expect(after.Manager).toBe(before.Manager);
    expect(parseJoinToken(after.Worker)?.digest).toBe(trust().root.digest);
    expect(authority.roleOf(trust(), before.Worker)).toBeUndefined();
    expect((await update({}, '&rotateManagerToken=true')).status).toBe(200);
    expect((await swarm()).JoinTokens.Manager).not.toBe(before.Manager);
  });
});

describe('a change of the cluster', () => {
  it('is how long certificates count, and how many ended tasks are kept', async () => {
    const { swarm, update, trust, store } = await aSwarm();
    expect((await swarm()).Spec.CAConfig).toEqual({ NodeCertExpiry: 90 * 24 * hourNs, ForceRotate: 0 });
    const changed = { Orchestration: { TaskHistoryRetentionLimit: 2 }, CAConfig: { NodeCertExpiry: hourNs } };
    expect((await update(changed)).status).toBe(200);
    expect(trust().nodeCertExpiryMs).toBe(60 * 60 * 1_000);
    expect([...store.view.clusters.all()][0]?.TaskHistoryRetentionLimit).toBe(2);
    expect((await swarm()).Spec).toMatchObject(changed);
  });

  it.each([
    [{ CAConfig: { NodeCertExpiry: hourNs - 1 } }, /^CAConfig\.NodeCertExpiry: .* from 1 h/],
    [
      { CAConfig: { SigningCACert: 'x' } },
      /^CAConfig\.SigningCACert: can't be changed, Shoal has nothing like it/,
    ],
    [{ Dispatcher: { HeartbeatPeriod: 1e9 } }, /^Dispatcher\.HeartbeatPeriod: .* it is 500000000/],
    [{ Raft: { SnapshotInterval: 5 } }, /^Raft\.SnapshotInterval: /],
    [{ Labels: { 'shoal.encrypt': 'yes' } }, /^Labels\["shoal\.encrypt"\]: must be on or off, got "yes"/],
    [{ Labels: { 'shoal.encript': 'on' } }, /nearest is shoal\.encrypt, of a cluster/],
    [{ Labels: { 'shoal.drain': '5s' } }, /is a label of a service, not of a cluster/],
    [{ Nope: 1 }, /Nope/],
  ])('to %j is refused with its path', async (change, says) => {
    const { update, trust } = await aSwarm();
    const before = trust();
    const { status, body } = await update(change);
    expect([status, body.message]).toEqual([400, expect.stringMatching(says)]);
    expect(trust()).toBe(before);
  });

  it('is of its labels, which clients that know nothing of them leave as they are', async () => {
    const { call, swarm, update } = await aSwarm();
    const Labels = { team: 'shop', 'shoal.encrypt': 'on' };
    expect((await update({ Labels })).status).toBe(200);
    expect((await swarm()).Spec.Labels).toEqual(Labels);
    expect((await call('GET', '/info')).body.Swarm.Cluster.Spec.Labels).toEqual(Labels);
    await update({ Labels: null, Orchestration: { TaskHistoryRetentionLimit: 3 } });
    expect((await swarm()).Spec.Labels).toEqual(Labels);
    await update({ Labels: {} });
    expect((await swarm()).Spec.Labels).toEqual({});
  });

  it('that docker sends with zeros for what it knows nothing of, changes nothing', async () => {
    const { update, trust } = await aSwarm();
    const before = trust();
    const zeros = { Name: '', Labels: null, Raft: { ElectionTick: 0, HeartbeatTick: 0 }, CAConfig: {} };
    expect((await update({ ...zeros, EncryptionConfig: { AutoLockManagers: false } })).status).toBe(200);
    expect(trust()).toEqual(before);
  });

  it('is refused to who has not seen the last one', async () => {
    const { call, update } = await aSwarm();
    await update({}, '&rotateWorkerToken=true');
    const late = await call('POST', '/swarm/update?version=1', {});
    expect(late).toMatchObject({
      status: 500,
      body: { message: expect.stringContaining('out of sequence') },
    });
    expect((await call('POST', '/swarm/update', {})).status).toBe(400);
  });
});

describe('autolock', () => {
  const autolock = { EncryptionConfig: { AutoLockManagers: true } };
  const unlockKeyOf = async (call: Awaited<ReturnType<typeof aSwarm>>['call']) =>
    (await call('GET', '/swarm/unlockkey')).body.UnlockKey as string;

  it('is turned on and off, its key is rotated, and all that is sealed goes on', async () => {
    const { call, swarm, update, store } = await aSwarm();
    const auth = 'planted-credentials';
    const made = await call('POST', '/services/create', aSpec(), { 'x-registry-auth': auth });
    const before = await swarm();
    expect(before.Spec.EncryptionConfig).toEqual({ AutoLockManagers: false });
    expect(await unlockKeyOf(call)).toBe('');
    const seen: string[] = [];
    const wholeAndSealed = async () => {
      const now = await swarm();
      expect(now.JoinTokens).toEqual(before.JoinTokens);
      const service = store.view.services.get(made.body.ID);
      const sealed = service?.shoal.registryAuth;
      expect(sealed && vault.unseal(purposes.registryAuth(made.body.ID), sealed)).toBe(auth);
      const state = JSON.stringify([...store.view.clusters.all(), service]);
      for (const text of [auth, ...seen]) expect(state).not.toContain(text);
      return now;
    };
    expect((await update(autolock)).status).toBe(200);
    seen.push(await unlockKeyOf(call));
    expect(seen[0]).toMatch(/^SWMKEY-1-[\w+/]{43}$/);
    expect((await wholeAndSealed()).Spec).toMatchObject(autolock);
    // As `docker swarm unlock-key --rotate` does.
    expect((await update({}, '&rotateManagerUnlockKey=true')).status).toBe(200);
    seen.push(await unlockKeyOf(call));
    expect(seen[1]).not.toBe(seen[0]);
    await wholeAndSealed();
    // A client that knows nothing of it leaves it on.
    expect((await update({ EncryptionConfig: null })).status).toBe(200);
    expect(await unlockKeyOf(call)).toBe(seen[1]);
    expect((await update({ EncryptionConfig: { AutoLockManagers: false } })).status).toBe(200);
    expect(await unlockKeyOf(call)).toBe('');
    await wholeAndSealed();
  });

  it('is nothing to rotate the key of while it is off, nor to unlock', async () => {
    const { call, update } = await aSwarm();
    const rotated = await update({}, '&rotateManagerUnlockKey=true');
    expect([rotated.status, rotated.body.message]).toEqual([400, expect.stringMatching(/autolock is off/)]);
    expect(await call('POST', '/swarm/unlock', { UnlockKey: 'SWMKEY-1-x' })).toMatchObject({
      status: 409,
      body: { message: 'swarm is not locked' },
    });
  });

  it('leaves a service that a client has just read as it was', async () => {
    const { call, update } = await aSwarm();
    const made = await call('POST', '/services/create', aSpec(), { 'x-registry-auth': 'e30=' });
    const { Version, Spec } = (await call('GET', `/services/${made.body.ID}`)).body;
    await update(autolock);
    const updated = await call('POST', `/services/${made.body.ID}/update?version=${Version.Index}`, Spec);
    expect(updated.status).toBe(200);
    await update({ EncryptionConfig: { AutoLockManagers: false } });
  });
});

describe('a rotation of the root', () => {
  it('begins with another ForceRotate: it shows who has come along, and a second one waits', async () => {
    const { call, swarm, update, trust } = await aSwarm();
    const before = await swarm();
    const nodes = async () => (await call('GET', '/nodes')).body;
    expect((await nodes())[0].Description.TLSInfo).toEqual(before.TLSInfo);
    const rotate = (ForceRotate: number) => update({ CAConfig: { ...before.Spec.CAConfig, ForceRotate } });
    expect((await rotate(1)).status).toBe(200);
    const after = await swarm();
    expect([before.RootRotationInProgress, after.RootRotationInProgress]).toEqual([false, true]);
    expect(after.TLSInfo.TrustRoot).toMatch(/^-----BEGIN CERTIFICATE-----/);
    expect(after.TLSInfo.CertIssuerPublicKey).not.toBe(before.TLSInfo.CertIssuerPublicKey);
    expect(trust().former?.certificate).toBe(before.TLSInfo.TrustRoot);
    expect(parseJoinToken(after.JoinTokens.Worker)?.digest).toBe(trust().root.digest);
    expect(
      (await nodes()).map(({ Description }: { Description: object }) => 'TLSInfo' in Description),
    ).toEqual([true, false]);
    // The same again is no wish for another one.
    expect((await rotate(1)).status).toBe(200);
    expect((await call('GET', '/info')).body.Warnings).toEqual([
      expect.stringMatching(
        /root certificate is being rotated: 2 nodes .* \(n1, n2\).*docker node rm --force/,
      ),
    ]);
    const second = await rotate(2);
    expect([second.status, second.body.message]).toEqual([
      400,
      expect.stringMatching(/2 nodes have no certificate of the new root yet \(n1, n2\)/),
    ]);
  });
});

it('init, join and leave say what to do instead', async () => {
  const { call } = await aSwarm();
  const said = async (what: string) => (await call('POST', `/swarm/${what}`, {})).body.message;
  expect(await said('init')).toMatch(/cluster already.*docker swarm join-token worker/);
  expect(await said('join')).toMatch(/run there: /);
  expect(await said('leave')).toMatch(/docker node rm --force NODE/);
});
