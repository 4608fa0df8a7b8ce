-- Tokens for what is written: they grow, by the server's time or, where that is behind, by one.
-- token(): a new one
-- generation(): the one there is, or one that begins
-- stamp(text, till): as lasting, for tags that may have no token yet
-- close(): keeps what was made
local isNew = false
local function token()
  m.last, isNew = math.max(m.last + 1, micros), true
  return pad(m.last)
end
local function generation()
  if not m.generation then m.generation, isNew = ARGV[2], true end
  return m.generation
end
local function stamp(text, till)
  for tag in string.gmatch(text, '([^ =]+)=?%d*') do
    if not known[tag] then known[tag] = token() .. pad(0) end
  end
  return lasting(text, till)
end
local function close()
  if isNew then call('HSET', KEYS[2], 'format', '1', 'generation', generation(), 'last', pad(m.last)) end
end
