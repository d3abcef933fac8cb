export {
  type Constraint,
  ConstraintError,
  isEligible,
  nodeMatches,
  parseConstraints,
} from './constraints.ts';
