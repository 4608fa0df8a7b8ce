-- put(key, ttl, slides, stale, tags, body): a value, written; its tags have been learnt. Not to live at all: what was there goes.
-- Those that are written together mostly differ in key and body alone: what else stands in their heads is made once.
local was = {}
local function put(key, ttl, slides, stale, tags, body)
  if tonumber(ttl) <= 0 then return call('DEL', base .. ':v:' .. key) end
  local version = token()
  if ttl ~= was.ttl or slides ~= was.slides or stale ~= was.stale or tags ~= was.tags then
    local expires = math.min(now + ttl, forever)
    local gone, slide = math.min(expires + stale, forever), slides == '1' and tonumber(ttl) or 0
    was = { ttl = ttl, slides = slides, stale = stale, tags = tags, gone = gone, before = '1' .. pad(expires) }
    was.after = pad(stale) .. pad(slide) .. generation() .. stamp(tags, gone) .. '\n'
  end
  store(base .. ':v:' .. key, was.before .. version .. was.after .. body, was.gone)
end
