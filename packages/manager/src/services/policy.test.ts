import { describe, expect, it } from 'vitest';
import { type Mount, restartRules, type ServiceSpec } from '../model/index.ts';
import { aService } from '../testing.ts';
import { updateRules } from './policy.ts';

const service = (spec: ServiceSpec) => aService('web', { Spec: spec });
const withMount = (mount: Mount) => service({ TaskTemplate: { ContainerSpec: { Mounts: [mount] } } });

describe('defaults', () => {
  it('restart as Docker does', () => {
    expect(restartRules(null)).toEqual({ condition: 'any', delayMs: 5_000, maxAttempts: 0, windowMs: 0 });
  });

  it('update one task at a time, start-first, and roll back what goes wrong', () => {
    expect(updateRules(service({}))).toEqual({
      parallelism: 1,
      delayMs: 0,
      failureAction: 'rollback',
      monitorMs: 5_000,
      failsWithinMs: 5_000,
      deadlineMs: 600_000,
      maxFailureRatio: 0,
      order: 'start-first',
      orderIsExplicit: false,
    });
  });

  it('never roll a rollback back', () => {
    const rollingBack = aService('web', { UpdateStatus: { State: 'rollback_started' } });
    expect(updateRules(rollingBack).failureAction).toBe('pause');
  });
});

describe('what the user says', () => {
  it('wins, with 0 parallelism for all at once and no delay for 0', () => {
    const UpdateConfig = {
      Parallelism: 0,
      FailureAction: 'pause',
      Monitor: 2e9,
      Order: 'start-first',
    } as const;
    const Mounts = [{ Type: 'volume', Source: 'data', Target: '/data' } as const];
    const rules = updateRules(service({ UpdateConfig, TaskTemplate: { ContainerSpec: { Mounts } } }));
    expect(rules).toMatchObject({
      parallelism: Number.POSITIVE_INFINITY,
      failureAction: 'pause',
      monitorMs: 2_000,
      order: 'start-first',
      orderIsExplicit: true,
    });
    expect(restartRules({ Delay: 0, Condition: 'none' })).toMatchObject({ delayMs: 0, condition: 'none' });
  });
});

describe('the order of an update, left open', () => {
  const port = (PublishedPort: number, PublishMode: 'host' | 'ingress') =>
    service({ EndpointSpec: { Ports: [{ TargetPort: 80, PublishedPort, PublishMode }] } });

  it.each([
    ['a fixed port of the host', port(8080, 'host')],
    ['a writable named volume', withMount({ Source: 'data', Target: '/data' })],
    ['a writable bind mount', withMount({ Type: 'bind', Source: '/srv', Target: '/srv' })],
  ])('is stop-first with %s', (_, one) => {
    expect(updateRules(one).order).toBe('stop-first');
  });

  it.each([
    ['any port of the host', port(0, 'host')],
    ['a port of the cluster', port(8080, 'ingress')],
    ['a volume of its own', withMount({ Type: 'volume', Target: '/data' })],
    ['a read-only bind mount', withMount({ Type: 'bind', Source: '/srv', Target: '/srv', ReadOnly: true })],
    ['memory as a mount', withMount({ Type: 'tmpfs', Target: '/tmp' })],
  ])('is start-first with %s', (_, one) => {
    expect(updateRules(one).order).toBe('start-first');
  });
});
