import { createRandom } from "../random.ts"

/** Chance, drawn from one seed. */
export class Dice {
  readonly random: () => number

  constructor(seed: number) {
    this.random = createRandom(seed)
  }

  /** Whether something of this likelihood happens. */
  chance(likelihood: number): boolean {
    return this.random() < likelihood
  }

  /** A whole number from `least` to `most`, both included. */
  between(least: number, most: number): number {
    return least + Math.floor(this.random() * (most - least + 1))
  }

  /** A number from `least` to `most`; each order of magnitude is as likely as the next. */
  magnitude(least: number, most: number): number {
    return Math.round(least * (most / least) ** this.random())
  }

  pick<Value>(first: Value, ...rest: readonly Value[]): Value {
    const index = this.between(0, rest.length)
    return index === 0 ? first : (rest[index - 1] ?? first)
  }

  /** One of the keys, each as often as its weight says. Undefined when nothing has any. */
  weighted<Key extends string>(weights: Readonly<Record<Key, number>>): Key | undefined {
    const keys = Object.keys(weights) as Key[] // a record has no other keys than its own
    let left = this.random() * keys.reduce((sum, key) => sum + weights[key], 0)
    return keys.find((key) => {
      left -= weights[key]
      return left < 0
    })
  }

  /** The same values in another order. */
  shuffle<Value>(values: readonly Value[]): Value[] {
    const left = [...values]
    return values.flatMap(() => left.splice(this.between(0, left.length - 1), 1))
  }

  /** A seed for dice of their own. */
  seed(): number {
    return Math.floor(this.random() * 2 ** 32)
  }
}
