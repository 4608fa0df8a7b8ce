-- An entry is its key, its terms and its body. Terms are "<ms to live> <1 where it is sliding, else 0> <ms it is kept for a load after
-- that> <tags with spaces between>".
-- tagsIn(terms)
-- put(key, terms, body): a value, written; its tags have been learnt. Not to live at all: what was there goes.
-- Those that are written together mostly differ in key and body alone: what else stands in their heads is made once.
local was = {}
local function tagsIn(terms) return string.match(terms, '^%S+ %d %S+ (.*)$') end
local function put(key, terms, body)
  if terms ~= was.terms then
    local ttl, slides, stale, tags = string.match(terms, '^(%S+) (%d) (%S+) (.*)$')
    was = { terms = terms, isGone = tonumber(ttl) <= 0 }
    if not was.isGone then
      local expires = math.min(now + ttl, forever)
      local slide = slides == '1' and tonumber(ttl) or 0
      was.gone, was.before = math.min(expires + stale, forever), '1' .. pad(expires)
      was.after = pad(stale) .. pad(slide) .. generation() .. stamp(tags, was.gone) .. '\n'
    end
  end
  if was.isGone then return call('DEL', base .. ':v:' .. key) end
  store(base .. ':v:' .. key, was.before .. token() .. was.after .. body, was.gone)
end
