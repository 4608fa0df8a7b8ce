/** What a room refuses: of Chat, in a room of their own for those that raise them. */
import * as Schema from "effect/Schema"

export class RoomExists extends Schema.TaggedError<RoomExists>("@troupe/core/Chat/RoomExists")("RoomExists", {
  room: Schema.String
}) {
  override get message(): string {
    return `room ${this.room} exists`
  }
}

export class RoomNotFound extends Schema.TaggedError<RoomNotFound>("@troupe/core/Chat/RoomNotFound")("RoomNotFound", {
  room: Schema.String
}) {
  override get message(): string {
    return `no room ${this.room}`
  }
}

/** The id has a place, and its peer is live. */
export class AlreadyMember extends Schema.TaggedError<AlreadyMember>("@troupe/core/Chat/AlreadyMember")(
  "AlreadyMember",
  { room: Schema.String, member: Schema.String }
) {
  override get message(): string {
    return `${this.member} is in room ${this.room} already`
  }
}

/** It left, was removed, was taken over by another peer, or its peer was declared gone; or the room is no more. */
export class NotMember extends Schema.TaggedError<NotMember>("@troupe/core/Chat/NotMember")("NotMember", {
  room: Schema.String,
  member: Schema.String
}) {
  override get message(): string {
    return `${this.member} is not in room ${this.room}`
  }
}

/** A middleware refused. */
export class Rejected extends Schema.TaggedError<Rejected>("@troupe/core/Chat/Rejected")("Rejected", {
  reason: Schema.String
}) {
  override get message(): string {
    return this.reason
  }
}
