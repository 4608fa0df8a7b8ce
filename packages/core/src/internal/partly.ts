/** A call that failed when the first of what it was given had been accepted: the error says how many. */
import { BackendError } from "../BackendError.ts"

export const partly = ({ operation, outcome, reason, service }: BackendError, accepted: number): BackendError =>
  new BackendError({ service, operation, reason, outcome, accepted })
