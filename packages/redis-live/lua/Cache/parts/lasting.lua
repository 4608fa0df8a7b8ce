-- What is kept until a time, and how long the tokens of tags last: at least as long as anything that carries them. They are
-- given a day more than is asked for, so that not each writing has to write them, too.
-- store(key, value, till): keeps it
-- lasting(text, till): the tokens of the tags that are named there last until then; gives these tags with their tokens
local lastTill, lastText = nil, ''
local function store(key, value, till)
  if not isPhysical or till >= forever then return call('SET', key, value) end
  if till ~= lastTill then lastTill, lastText = till, int(till) end
  call('SET', key, value, 'PXAT', lastText)
end
local function lasting(text, till)
  local out = ''
  for tag in string.gmatch(text, '([^ =]+)=?%d*') do
    local token = sub(known[tag], 1, 16)
    if tonumber(sub(known[tag], 17)) < till then
      local lasts = math.min(till + 86400000, forever)
      known[tag] = token .. pad(lasts)
      store(base .. ':t:' .. tag, known[tag], lasts)
    end
    out = out .. ' ' .. tag .. '=' .. token
  end
  return out
end
