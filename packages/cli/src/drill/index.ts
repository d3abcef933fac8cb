export { askForecast, forecastFault, forecastLines } from './forecast.ts';
export { play } from './play.ts';
export { clusterOf, stageOf } from './where.ts';
