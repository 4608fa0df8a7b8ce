-- prolong(key, value, ttl): it lives so long from now, and with it the tokens of its tags; gives it as it is then.
local function prolong(key, value, ttl)
  local expires, name = math.min(now + ttl, forever), base .. ':v:' .. key
  local gone, text = math.min(expires + sub(value, 34, 49), forever), pad(expires)
  if sub(value, 2, 17) == text then return value end
  call('SETRANGE', name, 1, text)
  if isPhysical and gone < forever then call('PEXPIREAT', name, int(gone)) elseif isPhysical then call('PERSIST', name) end
  lasting(tagsOf(value), gone)
  return '1' .. text .. sub(value, 18)
end
