export { type Fault, type Forecast, faults, forecast } from './forecast.ts';
