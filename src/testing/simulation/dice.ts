import { createRandom } from "../random.ts"

/** Random choices, all drawn from one seed. */
export class Dice {
  readonly random: () => number

  constructor(seed: number) {
    this.random = createRandom(seed)
  }

  /** `true` with this probability, from 0 to 1. */
  chance(likelihood: number): boolean {
    return this.random() < likelihood
  }

  /** A whole number from `least` to `most`, both included. */
  between(least: number, most: number): number {
    return least + Math.floor(this.random() * (most - least + 1))
  }

  /** A whole number from `least` to `most`. Each order of magnitude is equally likely. */
  magnitude(least: number, most: number): number {
    return Math.round(least * (most / least) ** this.random())
  }

  pick<Value>(first: Value, ...rest: readonly Value[]): Value {
    const index = this.between(0, rest.length)
    return index === 0 ? first : (rest[index - 1] ?? first)
  }

  /** One of the keys, with a probability in proportion to its weight. Undefined when all weights are 0. */
  weighted<Key extends string>(weights: Readonly<Record<Key, number>>): Key | undefined {
    const keys = Object.keys(weights) as Key[] // `weights` has no keys besides `Key`
    let left = this.random() * keys.reduce((sum, key) => sum + weights[key], 0)
    return keys.find((key) => {
      left -= weights[key]
      return left < 0
    })
  }

  /** The values in random order. */
  shuffle<Value>(values: readonly Value[]): Value[] {
    const left = [...values]
    return values.flatMap(() => left.splice(this.between(0, left.length - 1), 1))
  }

  /** A seed for another `Dice`. */
  seed(): number {
    return Math.floor(this.random() * 2 ** 32)
  }
}
