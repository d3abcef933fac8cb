export { DataPath, type DataPathOptions } from './datapath.ts';
export { type DockerAttachment, HostNetwork } from './host-network.ts';
export { removeFromKernel } from './remove-all.ts';
