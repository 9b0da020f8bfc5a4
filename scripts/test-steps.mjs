// @ts-check

/**
 * @typedef {object} Step
 * @property {string} script The npm script.
 * @property {readonly string[]} [args]
 * @property {readonly string[]} [after] The scripts that have to be done before, or all that stand before this one.
 * @property {boolean} [isTimed] Whether its tests wait for real time. Such steps never run two at once, and what runs beside them
 *   gets the processor time that they leave.
 */

/**
 * What `npm test` runs, in the order of the table in CONTRIBUTING.md. Two steps run at once, where `after` lets them.
 *
 * @type {readonly Step[]}
 */
export const steps = [
  { script: "build", after: [] },
  { script: "typecheck", after: [] },
  { script: "unit", after: ["build"], isTimed: true },
  { script: "lint", after: ["build"] },
  { script: "arch", after: ["build"] },
  { script: "knip", after: ["build"] },
  { script: "check:package", after: ["build"] },
  { script: "stranger", after: ["build"] },
  { script: "types", args: ["--", "--own"], after: ["build"] },
  { script: "size", after: ["build"] },
  { script: "allocations", after: ["build"] },
  { script: "production:quick", isTimed: true },
]
