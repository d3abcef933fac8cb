export { DataPath, type DataPathOptions } from './datapath.ts';
export { type DockerAttachment, HostNetwork } from './host-network.ts';
