-- put(key, ttl, slides, stale, tags, body): a value, written; its tags have been learnt. Not to live at all: what was there goes.
local function put(key, ttl, slides, stale, tags, body)
  ttl = tonumber(ttl)
  if ttl <= 0 then return call('DEL', base .. ':v:' .. key) end
  local expires = math.min(now + ttl, forever)
  local gone, slide = math.min(expires + stale, forever), slides == '1' and ttl or 0
  local head = { '1', pad(expires), token(), pad(stale), pad(slide), generation(), stamp(tags, gone), '\n', body }
  store(base .. ':v:' .. key, table.concat(head), gone)
end
