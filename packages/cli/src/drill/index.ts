export { askForecast, forecastFault, forecastLines } from './forecast.ts';
export { play } from './play.ts';
export { clusterOf, targetOf } from './where.ts';
