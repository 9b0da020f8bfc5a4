const { createChannel } = require("everwire")
const { talk } = require("./talk.cjs")

test("talks", async () => {
  console.log(`everywhere: ${await talk(createChannel, JSON.parse(process.env.EVERYWHERE))}`)
})
