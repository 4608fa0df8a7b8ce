/** What a world needs of a client, and applications do not. */
import type * as Effect from "effect/Effect"
import { ConnectionTypeId } from "./internal/Connection.ts"
import type { RedisClient } from "./RedisClient.ts"

/** Done when everything that was published before has been delivered to this client: nothing older comes later. */
export const barrier = (client: RedisClient["Service"]): Effect.Effect<void> => client[ConnectionTypeId].barrier
