import { ServerResponse } from "node:http"
import { createHub } from "everwire/node"
import express from "express"
import session from "express-session"
import passport from "passport"

passport.serializeUser((user, done) => done(null, user.id))
passport.deserializeUser((id, done) => done(null, { id }))

// The same two for the application's requests and for the hub's, which Express does not see.
const login = [session({ secret: "change me", resave: false, saveUninitialized: false }), passport.session()]

const app = express()
app.use(login)
app.get("/", (_request, response) => response.send("the application"))
app.post("/login", (request, response, next) => {
  // Here a strategy of Passport would look at a password.
  request.logIn({ id: "ada" }, (error) => (error ? next(error) : response.sendStatus(204)))
})

export const hub = createHub({
  async authenticate({ origin: { request } }) {
    const response = new ServerResponse(request) // never sent
    for (const middleware of login) {
      await new Promise((resolve, reject) => {
        middleware(request, response, (error) => (error ? reject(error) : resolve()))
      })
    }
    return request.user ? { id: request.user.id } : null
  },
})
hub.on("chat", (data, peer) => hub.send("chat", { from: peer.principal.id, data }))

const server = app.listen(process.env.PORT ?? 8080)
hub.attach(server)

/** Ends the server, after `hub.close()`. */
export const close = () => new Promise((resolve) => server.close(resolve))
process.once("SIGTERM", () => hub.close().then(close))
