export { bodyOf, portsOf, stopTimeoutMs } from './body.ts';
export {
  type Check,
  type Container,
  type ContainerLimits,
  type ContainerPhase,
  containerPhases,
  type Health,
  type ListedContainer,
  type Probe,
  type Question,
} from './container.ts';
export { type ContainerDaemon, Refused, type TaskFiles } from './daemon.ts';
export { Limiter } from './limiter.ts';
export { limitsIn } from './limits.ts';
export { Tasks } from './tasks.ts';
