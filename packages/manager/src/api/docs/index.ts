export { anything, filtersParam, idParam, nothing, query, route } from './docs.ts';
export { docsRoutes } from './routes.ts';
