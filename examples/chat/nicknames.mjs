// @ts-check

const manners = ["Brisk", "Calm", "Clever", "Gentle", "Jolly", "Keen", "Mellow", "Nimble", "Quiet", "Sunny", "Witty"]
const creatures = ["Badger", "Curlew", "Dormouse", "Finch", "Hare", "Lynx", "Marten", "Newt", "Otter", "Puffin", "Wren"]

/** A random name for a user who has not given one. */
export function randomNick() {
  return `${pick(manners)} ${pick(creatures)}`
}

/** @param {readonly string[]} words */
function pick(words) {
  return words[Math.floor(Math.random() * words.length)] ?? ""
}
