-- Those whose Left is held back.
-- letGo(): says it of those whose time has come, 256 at most; the first of what a step does
-- due(): when the next one's comes, in ms from now, as text; empty: nobody's does
-- finish(): the last of what a step does, whatever it has done
local soonest
local function upcoming() return call('ZRANGE', base .. ':leaving', 0, 0, 'WITHSCORES')[2] end
local function letGo()
  soonest = upcoming()
  if not soonest or tonumber(soonest) > now then return end
  for _, id in ipairs(call('ZRANGEBYSCORE', base .. ':leaving', '-inf', int(now), 'LIMIT', 0, 256)) do
    local seat = find(id)
    if seat then go(id, seat, string.sub(seat.ref, 2)) else unhold(id) end
  end
end
local function due()
  if isMoved then soonest = upcoming() end
  return soonest and int(math.max(0, soonest - now)) or ''
end
local function finish()
  release()
  settle()
end
