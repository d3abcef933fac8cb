export { KeyRotation } from './key-rotation.ts';
export { WireGuard } from './wireguard.ts';
