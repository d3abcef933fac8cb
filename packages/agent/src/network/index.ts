export { type DockerAttachment, HostNetwork } from './host-network.ts';
