/** Longest name of a room that a topic contains as it is, escaped. */
const MAX_PLAIN = 80

/** The topics of what is sent to peers of several processes. Topics of a cluster begin with its prefix. */
export interface RoomTopics {
  /** Heard by every process. */
  readonly all: string
  /** Answers to the questions of this hub or publisher. */
  answersTo(id: string): string
  /** Heard by the processes that have a member of the room. */
  room(room: string): string
}

export function roomTopics(prefix: string): RoomTopics {
  return {
    all: `${prefix}.all`,
    answersTo: (id) => `${prefix}.answers.${id}`,
    room: (room) => `${prefix}.room.${topicPart(room)}`,
  }
}

/**
 * The part of a topic for a room of any name: characters that a topic cannot have are escaped, and a long name is cut and
 * hashed. Two rooms may have one topic, because what is published on it names the rooms again.
 */
function topicPart(room: string): string {
  // "." separates the parts of a topic for some stores.
  const plain = room.replace(/[^\w-]/g, (character) => `=${character.charCodeAt(0).toString(16)}:`)
  if (plain !== "" && plain.length <= MAX_PLAIN) return plain
  return `${plain.slice(0, MAX_PLAIN)}=${hash(room)}`
}

/** 53 bits of a text (cyrb53, public domain). For spreading, not for secrets. */
function hash(text: string): string {
  let one = 0xdeadbeef
  let other = 0x41c6ce57
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    one = Math.imul(one ^ unit, 2654435761)
    other = Math.imul(other ^ unit, 1597334677)
  }
  one = Math.imul(one ^ (one >>> 16), 2246822507) ^ Math.imul(other ^ (other >>> 13), 3266489909)
  other = Math.imul(other ^ (other >>> 16), 2246822507) ^ Math.imul(one ^ (one >>> 13), 3266489909)
  return (4294967296 * (2097151 & other) + (one >>> 0)).toString(36)
}
