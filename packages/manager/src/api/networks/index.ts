export { findNetwork, idOf, isVisible, nameOf } from './resolve.ts';
export { networkRoutes } from './routes.ts';
