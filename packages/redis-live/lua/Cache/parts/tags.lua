-- Tags. `:t:<tag>` holds its token, and until when something may carry it, each in 16 digits. What carries tags says so as
-- " <tag>=<token>" for each; what is to carry them names them with spaces between. No encoded tag has a space or a "=".
-- fetch(kind, keys): what is kept of each key, false where there is nothing
-- learn(texts): looks up all tags that these texts name
-- holds(text): each tag that it names still has the token of then
local known, verdicts = {}, {}
local function fetch(kind, keys)
  local names = {}
  for i = 1, #keys do names[i] = base .. kind .. keys[i] end
  return #names > 0 and call('MGET', unpack(names)) or {}
end
local function learn(texts)
  local tags, last = {}, ''
  for i = 1, #texts do
    local text = texts[i] ~= last and texts[i] or ''
    last = texts[i]
    for tag in string.gmatch(text, '([^ =]+)=?%d*') do
      if known[tag] == nil then known[tag], tags[#tags + 1] = false, tag end
    end
  end
  for from = 1, #tags, 1000 do
    local some = { unpack(tags, from, math.min(from + 999, #tags)) }
    for i, found in ipairs(fetch(':t:', some)) do
      if found and tonumber(sub(found, 17)) > now then known[some[i]] = found end
    end
  end
end
local function holds(text)
  -- Many say the same of their tags, and no token that is there is given up for another.
  local verdict = verdicts[text]
  if verdict ~= nil then return verdict end
  verdict = true
  for tag, token in string.gmatch(text, '([^ =]+)=(%d+)') do
    if not known[tag] or sub(known[tag], 1, 16) ~= token then verdict = false end
  end
  verdicts[text] = verdict
  return verdict
end
