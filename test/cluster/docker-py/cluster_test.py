"""Docker's own Python client at a cluster of Shoal, used as its authors use it with a swarm.

DOCKER_HOST says where, IMAGE what services run. Leaves nothing behind.
"""

import datetime
import itertools
import os
import time
import unittest
import warnings

import docker
from docker.errors import APIError, InvalidArgument, NotFound
from docker.types import (
    ConfigReference, ContainerSpec, DNSConfig, EndpointSpec, Healthcheck, IPAMConfig, IPAMPool, Mount,
    NetworkAttachmentConfig, Placement, PlacementPreference, Privileges, Resources, RestartPolicy,
    RollbackConfig, SecretReference, ServiceMode, TaskTemplate, UpdateConfig,
)

IMAGE = os.environ['IMAGE']
client = docker.from_env(version=os.environ.get('API_VERSION', 'auto'), timeout=90)
api = client.api
numbers = itertools.count(1)
prefix = 'py-'


def a_name():
    return f'{prefix}{next(numbers)}'


def until(what, ask, seconds=60):
    end = time.monotonic() + seconds
    while True:
        answer = ask()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError(f'not within {seconds} s: {what}')
        time.sleep(0.1)


def message_of(caught):
    return str(caught.exception.explanation)


class Case(unittest.TestCase):
    maxDiff = None

    def tearDown(self):
        for service in api.services(filters={'name': prefix}):
            api.remove_service(service['ID'])
        for network in client.networks.list(names=[prefix]):
            until(f'{network.name} can be removed', lambda network=network: self.removed(network))
        for secret in api.secrets(filters={'name': prefix}):
            api.remove_secret(secret['ID'])
        for config in api.configs(filters={'name': prefix}):
            api.remove_config(config['ID'])

    @staticmethod
    def removed(network):
        try:
            network.remove()
        except NotFound:
            pass
        except APIError:
            return False
        return True

    def create(self, container=None, template=None, image=IMAGE, **service):
        """A service of the low-level client; returns what is then stored."""
        spec = ContainerSpec(image, **(container or {}))
        made = api.create_service(TaskTemplate(spec, **(template or {})), name=a_name(), **service)
        self.assertIn('ID', made)
        return api.inspect_service(made)

    def container(self, **container):
        return self.create(container=container)['Spec']['TaskTemplate']['ContainerSpec']

    def template(self, **template):
        return self.create(template=template)['Spec']['TaskTemplate']


class Services(Case):
    def test_list_find_and_remove(self):
        self.assertEqual(api.services(filters={'name': prefix}), [])
        one = self.create(labels={'py-label': 'yes'})
        self.create()
        self.assertEqual(len(api.services(filters={'name': prefix})), 2)
        for filters in ({'label': 'py-label'}, {'label': 'py-label=yes'}, {'id': one['ID']}):
            self.assertEqual([found['ID'] for found in api.services(filters=filters)], [one['ID']])
        self.assertEqual(api.inspect_service(one['Spec']['Name'])['ID'], one['ID'])
        plain = api.inspect_service(one['ID'])['Spec']
        full = api.inspect_service(one['ID'], insert_defaults=True)['Spec']
        self.assertNotIn('RollbackConfig', plain)
        self.assertIn('RollbackConfig', full)
        self.assertTrue(api.remove_service(one['Spec']['Name']))
        with self.assertRaises(NotFound):
            api.inspect_service(one['ID'])

    def test_container_fields(self):
        mounts = ['data:/a', Mount(target='/b', source='', type='tmpfs', tmpfs_size=4096)]
        found = self.container(
            command=['sleep', '1'], args=['2'], hostname='there', env={'A': 'b'}, workdir='/tmp', user='1000',
            labels={'c': 'd'}, mounts=mounts, stop_grace_period=2 * 10**9, groups=['audio', 'video'],
            open_stdin=True, read_only=True, stop_signal='SIGINT', hosts={'db': '10.1.2.3'}, tty=True,
            dns_config=DNSConfig(nameservers=['1.1.1.1'], search=['lan'], options=['timeout:1']),
            healthcheck=Healthcheck(test='true', interval=10**9, timeout=10**9, retries=2, start_period=10**9),
            privileges=Privileges(selinux_disable=True), init=True, cap_add=['CAP_SYSLOG'], cap_drop=['CAP_CHOWN'],
        )
        self.assertEqual(found['Env'], ['A=b'])
        self.assertEqual(found['Groups'], ['audio', 'video'])
        self.assertEqual(found['DNSConfig'], {'Nameservers': ['1.1.1.1'], 'Search': ['lan'], 'Options': ['timeout:1']})
        self.assertEqual(found['Hosts'], ['10.1.2.3 db'])
        self.assertEqual([mount['Target'] for mount in found['Mounts']], ['/a', '/b'])
        self.assertEqual(found['Healthcheck']['Test'], ['CMD-SHELL', 'true'])
        self.assertEqual(found['CapabilityAdd'], ['CAP_SYSLOG'])
        self.assertTrue(found['TTY'] and found['ReadOnly'] and found['Init'])

    def test_template_fields(self):
        found = self.template(
            resources=Resources(cpu_limit=10**9, mem_limit=2**26, cpu_reservation=10**8, mem_reservation=2**25),
            restart_policy=RestartPolicy(condition='on-failure', delay=10**9, max_attempts=2, window=10**9),
            placement=Placement(
                constraints=['node.role==worker'], preferences=[PlacementPreference('spread', 'node.labels.zone')],
                platforms=[('x86_64', 'linux')], maxreplicas=2,
            ),
            log_driver={'Name': 'json-file', 'Options': {'max-size': '1m'}},
        )
        self.assertEqual(found['Resources']['Limits'], {'NanoCPUs': 10**9, 'MemoryBytes': 2**26})
        self.assertEqual(found['RestartPolicy']['Condition'], 'on-failure')
        self.assertEqual(found['Placement']['MaxReplicas'], 2)
        self.assertEqual(found['LogDriver']['Options'], {'max-size': '1m'})

    def test_placement_as_list_and_tuples(self):
        self.assertEqual(self.template(placement=['node.role==worker'])['Placement'], {'Constraints': ['node.role==worker']})
        found = self.template(placement=Placement(preferences=(('spread', 'node.labels.zone'),)))
        self.assertEqual(found['Placement']['Preferences'], [{'Spread': {'SpreadDescriptor': 'node.labels.zone'}}])

    def test_generic_resources(self):
        found = self.template(resources=Resources(generic_resources={'gpu': 2}))
        wanted = [{'DiscreteResourceSpec': {'Kind': 'gpu', 'Value': 2}}]
        self.assertEqual(found['Resources']['Reservations']['GenericResources'], wanted)
        with self.assertRaises(InvalidArgument):
            Resources(generic_resources={'gpu': ['one']})

    def test_update_and_rollback_rules(self):
        update = UpdateConfig(
            parallelism=3, delay=10**9, failure_action='rollback', monitor=10**9, max_failure_ratio=0.5, order='start-first',
        )
        rollback = RollbackConfig(parallelism=1, delay=10**9, failure_action='pause', order='stop-first')
        spec = self.create(update_config=update, rollback_config=rollback)['Spec']
        self.assertEqual(spec['UpdateConfig'], dict(update))
        self.assertEqual(spec['RollbackConfig'], dict(rollback))

    def test_modes(self):
        self.assertIn('Global', self.create(mode='global')['Spec']['Mode'])
        self.assertEqual(self.create(mode=ServiceMode('replicated', 2))['Spec']['Mode'], {'Replicated': {'Replicas': 2}})

    def test_ports(self):
        found = self.create(endpoint_spec=EndpointSpec(mode='vip', ports={28001: (8080, 'tcp'), 28002: (53, 'udp')}))
        ports = {(port['PublishedPort'], port['TargetPort'], port['Protocol']) for port in found['Spec']['EndpointSpec']['Ports']}
        self.assertEqual(ports, {(28001, 8080, 'tcp'), (28002, 53, 'udp')})
        self.assertEqual(len(found['Endpoint']['Ports']), 2)
        host = self.create(endpoint_spec=EndpointSpec(ports={28003: (8080, None, 'host')}))
        self.assertEqual(host['Spec']['EndpointSpec']['Ports'][0]['PublishMode'], 'host')

    def test_networks(self):
        network = client.networks.create(a_name(), driver='overlay')
        other = client.networks.create(a_name(), driver='overlay')
        by_name = self.create(networks=[network.name, {'Target': other.id}])
        wanted = [{'Target': network.id}, {'Target': other.id}]
        self.assertEqual(by_name['Spec']['TaskTemplate']['Networks'], wanted)
        attached = self.template(networks=[NetworkAttachmentConfig(network.name, aliases=['api'])])
        self.assertEqual(attached['Networks'], [{'Target': network.id, 'Aliases': ['api']}])

    def test_low_level_update(self):
        service = self.create(labels={'a': 'b'})
        name, version = service['Spec']['Name'], service['Version']['Index']
        template = TaskTemplate(ContainerSpec(IMAGE), force_update=3)
        api.update_service(name, version, template, name=name, fetch_current_spec=True)
        found = api.inspect_service(name)
        self.assertEqual(found['Spec']['TaskTemplate']['ForceUpdate'], 3)
        self.assertEqual(found['Spec']['Labels'], {'a': 'b'})
        self.assertGreater(found['Version']['Index'], version)
        with self.assertRaises(APIError) as caught:
            api.update_service(name, version, template, name=name)
        self.assertIn('update out of sequence', message_of(caught))

    def test_runs_scales_and_says_what_its_tasks_do(self):
        service = client.services.create(IMAGE, name=a_name(), mode=ServiceMode('replicated', 1), stop_grace_period=10**9)
        running = lambda: [task for task in service.tasks({'desired-state': 'running'}) if task['Status']['State'] == 'running']
        [task] = until('it runs', running)
        self.assertEqual(task['ServiceID'], service.id)
        self.assertEqual(api.inspect_task(task['ID'])['ID'], task['ID'])
        self.assertIn(task['ID'], [one['ID'] for one in api.tasks(filters={'node': task['NodeID']})])
        self.assertTrue(service.scale(3))
        until('three run', lambda: len(running()) == 3)
        service.reload()
        self.assertTrue(service.force_update())
        service.reload()
        self.assertEqual(service.attrs['Spec']['TaskTemplate']['ForceUpdate'], 1)
        until('the update is over', lambda: self.state(service) == 'completed')
        log = b''.join(service.logs(stdout=True, stderr=True))
        self.assertIsInstance(log, bytes)

    def state(self, service):
        service.reload()
        return service.attrs.get('UpdateStatus', {}).get('State')

    def test_updates_keep_what_is_not_named(self):
        network = client.networks.create(a_name(), driver='overlay')
        service = client.services.create(
            IMAGE, name=a_name(), labels={'a': 'b'}, container_labels={'c': 'd'}, networks=[network.name], env={'E': 'f'},
        )
        service.update(image=IMAGE, command='sleep 1000')
        service.reload()
        spec = service.attrs['Spec']
        self.assertEqual(spec['Labels'], {'a': 'b'})
        self.assertEqual(spec['TaskTemplate']['ContainerSpec']['Labels'], {'c': 'd'})
        self.assertEqual(spec['TaskTemplate']['Networks'], [{'Target': network.id}])
        self.assertEqual(spec['TaskTemplate']['ContainerSpec']['Command'], ['sleep', '1000'])
        service.update(labels={})
        service.reload()
        self.assertFalse(service.attrs['Spec'].get('Labels'))
        self.assertEqual(client.services.get(service.id).name, service.name)
        self.assertEqual([one.id for one in client.services.list(filters={'id': service.id})], [service.id])

    def test_a_global_service_does_not_scale(self):
        service = client.services.create(IMAGE, name=a_name(), mode='global')
        with self.assertRaises(InvalidArgument):
            service.scale(2)

    def test_refusals_name_the_field(self):
        with self.assertRaises(APIError) as caught:
            self.create(container={'workdir': 'relative'})
        self.assertIn('TaskTemplate.ContainerSpec.Dir', message_of(caught))
        self.assertEqual(caught.exception.status_code, 400)
        with self.assertRaises(NotFound):
            api.inspect_service('no-such-service')


class Nodes(Case):
    def test_list_get_update(self):
        nodes = client.nodes.list()
        self.assertEqual(len(nodes), 3)
        [manager] = client.nodes.list(filters={'role': 'manager'})
        self.assertEqual(len(client.nodes.list(filters={'role': 'worker'})), 2)
        self.assertEqual([node.id for node in client.nodes.list(filters={'id': manager.id})], [manager.id])
        node = next(node for node in nodes if node.id != manager.id)
        before = node.attrs['Spec']
        self.assertGreater(node.version, 0)
        node.update({**before, 'Labels': {**(before.get('Labels') or {}), 'py': 'here'}})
        node.reload()
        self.assertEqual(node.attrs['Spec']['Labels']['py'], 'here')
        node.update(before)
        node.reload()
        self.assertNotIn('py', node.attrs['Spec'].get('Labels') or {})

    def test_the_managers_own_node_stays(self):
        [manager] = api.nodes(filters={'role': 'manager'})
        for force in (False, True):
            with self.assertRaises(APIError):
                api.remove_node(manager['ID'], force)
        with self.assertRaises(NotFound):
            api.remove_node('no-such-node')


class Networks(Case):
    def test_create_list_inspect_remove(self):
        network = client.networks.create(
            a_name(), driver='overlay', labels={'py-net': 'yes'}, attachable=True, internal=True, scope='swarm',
            ipam=IPAMConfig(pool_configs=[IPAMPool(subnet='10.197.0.0/16', gateway='10.197.0.1', aux_addresses={'a': '10.197.0.2'})]),
        )
        found = api.inspect_network(network.id)
        self.assertEqual(found['Scope'], 'swarm')
        self.assertTrue(found['Attachable'] and found['Internal'])
        self.assertEqual(found['Labels'], {'py-net': 'yes'})
        self.assertEqual(found['IPAM']['Config'][0]['Subnet'], '10.197.0.0/16')
        self.assertIn(network.name, [one['Name'] for one in api.networks()])
        for names in ([network.name], [network.name[:4]]):
            self.assertIn(network.id, [one['Id'] for one in api.networks(names=names)])
        self.assertEqual([one['Id'] for one in api.networks(ids=[network.id])], [network.id])
        self.assertEqual([one.id for one in client.networks.list(filters={'label': 'py-net'})], [network.id])
        self.assertEqual(client.networks.get(network.id, verbose=True, scope='swarm').name, network.name)
        network.remove()
        with self.assertRaises(NotFound):
            client.networks.get(network.id)

    def test_what_is_refused(self):
        with self.assertRaises(APIError):
            client.networks.create(a_name(), driver='host')
        network = client.networks.create(a_name(), driver='overlay', check_duplicate=True)
        with self.assertRaises(APIError) as caught:
            client.networks.create(network.name, driver='overlay', check_duplicate=True)
        self.assertEqual(caught.exception.status_code, 409)
        with self.assertRaises(TypeError):
            client.networks.create(a_name(), driver='overlay', labels=['no', 'map'])

    def test_prune(self):
        network = client.networks.create(a_name(), driver='overlay', labels={'py-prune': 'yes'})
        gone = client.networks.prune(filters={'label': 'py-prune'})
        self.assertEqual(gone['NetworksDeleted'], [network.name])


class Swarm(Case):
    def test_says_what_it_is(self):
        client.swarm.reload()
        self.assertTrue(client.swarm.id)
        self.assertGreater(client.swarm.version, 0)
        self.assertIn('Worker', client.swarm.attrs['JoinTokens'])
        info = client.info()['Swarm']
        self.assertEqual((info['LocalNodeState'], info['ControlAvailable'], info['Nodes']), ('active', True, 3))
        self.assertEqual(client.swarm.get_unlock_key(), {'UnlockKey': ''})

    def test_update_and_rotate(self):
        before = api.inspect_swarm()
        # Another number than before would rotate the root, whose digest is part of the tokens.
        rotated = before['Spec']['CAConfig'].get('ForceRotate', 0)
        spec = api.create_swarm_spec(
            task_history_retention_limit=7, node_cert_expiry=90 * 24 * 3600 * 10**9, ca_force_rotate=rotated,
        )
        api.update_swarm(version=before['Version']['Index'], swarm_spec=spec, rotate_worker_token=True)
        after = api.inspect_swarm()
        self.assertEqual(after['Spec']['Orchestration']['TaskHistoryRetentionLimit'], 7)
        self.assertNotEqual(after['JoinTokens']['Worker'], before['JoinTokens']['Worker'])
        self.assertEqual(after['JoinTokens']['Manager'], before['JoinTokens']['Manager'])
        limit = before['Spec']['Orchestration']['TaskHistoryRetentionLimit']
        back = api.create_swarm_spec(task_history_retention_limit=limit, ca_force_rotate=rotated)
        api.update_swarm(version=after['Version']['Index'], swarm_spec=back)

    def test_what_is_done_elsewhere_says_where(self):
        attempts = {
            'shoal init': lambda: api.init_swarm(),
            'join': lambda: api.join_swarm(['10.0.0.1'], 'token'),
            'docker node rm': lambda: api.leave_swarm(force=True),
        }
        for words, attempt in attempts.items():
            with self.assertRaises(APIError) as caught:
                attempt()
            self.assertEqual(caught.exception.status_code, 501, words)


class Events(Case):
    def test_tell_what_has_been(self):
        since = datetime.datetime.utcnow() - datetime.timedelta(seconds=1)
        service = self.create()
        until('it runs', lambda: [
            task for task in api.tasks(filters={'service': service['ID']}) if task['Status']['State'] == 'running'
        ])
        api.remove_service(service['ID'])
        name = service['Spec']['Name']

        def told():
            end = datetime.datetime.utcnow() + datetime.timedelta(seconds=1)
            told = list(api.events(since=since, until=end, decode=True, filters={'type': ['service', 'container']}))
            return {
                f"{event['Type']} {event['Action']}" for event in told
                if event['Actor']['Attributes']['name'].split('.')[0] == name
            }
        wanted = {'service create', 'service remove', 'container create', 'container start', 'container die', 'container destroy'}
        until('all is told', lambda: wanted <= told())


class SecretsAndConfigs(Case):
    def test_secrets(self):
        made = client.secrets.create(name=a_name(), data='sëcret', labels={'a': 'b'})
        found = client.secrets.get(made.id)
        self.assertEqual(found.attrs['Spec']['Labels'], {'a': 'b'})
        self.assertNotIn('Data', found.attrs['Spec'])
        self.assertIn(made.id, [one['ID'] for one in api.secrets(filters={'name': [found.name]})])
        service = self.create(container={'secrets': [SecretReference(made.id, found.name, '/run/secrets/x', '1', '2', 0o400)]})
        kept = service['Spec']['TaskTemplate']['ContainerSpec']['Secrets']
        self.assertEqual(kept[0]['SecretName'], found.name)
        with self.assertRaises(APIError):
            found.remove()
        api.remove_service(service['ID'])
        until('nobody uses it', lambda: self.removed(found))
        with self.assertRaises(NotFound):
            client.secrets.get(made.id)

    def test_configs(self):
        name = a_name()
        made = client.configs.create(name=name, data=b'\x00binary', labels={'a': 'b'})
        found = client.configs.get(made.id)
        self.assertEqual(found.attrs['Spec']['Data'], 'AGJpbmFyeQ==')
        self.assertIn(made.id, [one['ID'] for one in api.configs(filters={'name': [name]})])
        service = self.create(container={'configs': [ConfigReference(made.id, name, '/etc/x')]})
        kept = service['Spec']['TaskTemplate']['ContainerSpec']['Configs']
        self.assertEqual(kept[0]['File']['Name'], '/etc/x')
        api.remove_service(service['ID'])
        until('nobody uses it', lambda: self.removed(found))


if __name__ == '__main__':
    warnings.simplefilter('ignore', ResourceWarning)
    unittest.main(verbosity=2, argv=['cluster_test'])
