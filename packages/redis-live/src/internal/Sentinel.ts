/**
 * Which server is the primary now, asked of the sentinels before every connection. A sentinel may be behind: the
 * session that follows asks the server itself for its role. The name and the password are the primary's and are not
 * shown to sentinels; TLS goes for both.
 */
import { OpeningError, unavailable } from "./errors.ts"
import { type Endpoint, Session, type SessionConfig } from "./Session.ts"

const ask = (config: SessionConfig, sentinel: Endpoint, name: string): Promise<Endpoint> =>
  new Promise((resolve, reject) => {
    const { promise, reject: ended, resolve: answered } = Promise.withResolvers<unknown>()
    const session = new Session(config, sentinel, "command", [], {
      opened: (session) => answered(session.command("SENTINEL", ["get-master-addr-by-name", name])),
      ended: (_, failure) => ended(new OpeningError(failure)),
      message: () => {},
      changed: () => {},
      moved: () => {}
    })
    const timer = config.timers.after(3 * config.timing.connectTimeout, () => session.end("no answer"))
    promise
      .then((reply) => {
        if (!Array.isArray(reply)) throw new OpeningError(unavailable(`the sentinels know no primary "${name}"`))
        resolve({ host: String(reply[0]), port: Number(reply[1]) })
      })
      .catch(reject)
      .finally(() => {
        config.timers.cancel(timer)
        void session.close()
      })
  })

/** The first answer of any sentinel; where none has one, why the last has not. */
export const primary =
  (config: SessionConfig, sentinels: ReadonlyArray<Endpoint>, name: string) => (): Promise<Endpoint> =>
    Promise.any(
      sentinels.map((sentinel) =>
        ask({ ...config, username: undefined, password: undefined, database: 0, mustBePrimary: false }, sentinel, name)
      )
    ).catch((error: unknown) => {
      throw error instanceof AggregateError ? error.errors.at(-1) : error
    })
