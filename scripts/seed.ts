import fc from 'fast-check';

/** The same random cases in every run, so that a red test is red again; `SEED=7 npm test -- unit` looks at others. */
fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(process.env.SEED ?? 1) });
