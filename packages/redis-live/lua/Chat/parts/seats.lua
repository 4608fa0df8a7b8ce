-- Who has a place. `:members` is a hash of id -> "<ref> <peer> <peer's name> <joined at> <details>", all but the details encoded; in
-- place of the ref of one whose Left is held back there is what no name is encoded to: ! and the reason. `:of:<peer>` is a
-- sorted set of its open memberships, each "<id> <ref>", by when they began (a sequence), `:peers` a set of those peers, `:leaving` a sorted
-- set of ids by when the Left that is held back is due, `:fenced` one of peers by when they were fenced.
-- find(id): its seat, with `ref`, `peer`, `tail` (all behind the peer); nil: there is none. Asked for once
-- put(id, seat): its seat is this now
-- enter(id, seat, sequence), quit(id, seat): an open membership begins, ends
-- go(id, seat, reason): takes it out and says so
-- leave(id, seat, reason, grace): ends an open membership, at once or in so many ms
-- release(): forgets the peers that have no open membership any more; the last of what a step does to seats
-- isMoved: some Left was held back, or is not any more
local seats, touched, isMoved = {}, {}, false
local function find(id)
  local seat = seats[id]
  if seat == nil then
    local ref, peer, tail = string.match(call('HGET', base .. ':members', id) or '', '^(%S+) (%S+) (.*)$')
    seat = ref and { ref = ref, peer = peer, tail = tail } or false
    seats[id] = seat
  end
  return seat or nil
end
local function put(id, seat)
  seats[id] = seat
  call('HSET', base .. ':members', id, seat.ref .. ' ' .. seat.peer .. ' ' .. seat.tail)
end
local function isHeld(seat) return string.sub(seat.ref, 1, 1) == '!' end
local function enter(id, seat, sequence)
  call('ZADD', base .. ':of:' .. seat.peer, sequence, id .. ' ' .. seat.ref)
  touched[seat.peer] = true
end
local function quit(id, seat)
  call('ZREM', base .. ':of:' .. seat.peer, id .. ' ' .. seat.ref)
  touched[seat.peer] = true
end
local function release()
  for peer in pairs(touched) do
    if call('EXISTS', base .. ':of:' .. peer) == 1 then call('SADD', base .. ':peers', peer)
    else call('SREM', base .. ':peers', peer) end
  end
end
local function unhold(id)
  call('ZREM', base .. ':leaving', id)
  isMoved = true
end
local function go(id, seat, reason)
  if isHeld(seat) then unhold(id) else quit(id, seat) end
  call('HDEL', base .. ':members', id)
  seats[id] = false
  append('L ' .. reason .. ' ' .. id .. ' ' .. seat.tail, 1)
end
local function leave(id, seat, reason, grace)
  if grace <= 0 then return go(id, seat, reason) end
  quit(id, seat)
  put(id, { ref = '!' .. reason, peer = seat.peer, tail = seat.tail })
  call('ZADD', base .. ':leaving', int(now + grace), id)
  isMoved = true
end
