// @ts-check

/**
 * @typedef {object} Step
 * @property {string} script The npm script.
 * @property {readonly string[]} [args]
 * @property {readonly string[]} [after] The scripts that have to be done before, or all that stand before this one.
 */

/**
 * What `npm test` runs, in the order of the table in CONTRIBUTING.md. Two steps run at once, where `after` lets them. The
 * tests run alone, because many of them wait for real time.
 *
 * @type {readonly Step[]}
 */
export const steps = [
  { script: "typecheck", after: [] },
  { script: "lint", after: [] },
  { script: "arch", after: [] },
  { script: "knip", after: [] },
  { script: "build", after: [] },
  { script: "check:package", after: ["build"] },
  { script: "stranger", after: ["build"] },
  { script: "types", args: ["--", "--own"], after: ["build"] },
  { script: "size", after: ["build"] },
  { script: "allocations", after: ["build"] },
  { script: "unit" },
  { script: "production:quick" },
]
