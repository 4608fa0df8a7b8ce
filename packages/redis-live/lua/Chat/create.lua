#!lua
-- Makes a room where there is none. A log that another one has left goes on; one that begins does so behind a D.
-- KEYS[1] room  what all keys of it begin with, and the shard channel of its frames
-- KEYS[2] meta  hash, as in parts/ground
-- ARGV[1] now     ms since 1970; empty: the server's own clock
-- ARGV[2] run     the server's run id; empty: the server is asked
-- ARGV[3] fresh   name of an epoch, should one begin
-- ARGV[4] listed  what is kept of it for whoever destroys it
-- RETURNS {format} of newer data, else {"", 1}, or {"", 0} where there is one
-- COST O(1)
-- COMMANDS INFO, TIME, HMGET, HSET, PERSIST, UNLINK
-- PARTS ground
if not open(KEYS[1], KEYS[2]) then return { m.format } elseif m.exists then return { '', 0 } end
if m.epoch then call('HSET', KEYS[2], 'exists', ARGV[4])
else
  -- Who is fenced stays so: that is of the peer.
  for _, part in ipairs({ 'log', 'words', 'keys', 'members', 'leaving', 'peers' }) do call('UNLINK', base .. ':' .. part) end
  call('HSET', KEYS[2], 'format', '1', 'epoch', ARGV[3], 'run', run, 'sequence', '1', 'at', int(now), 'past', '', 'exists', ARGV[4],
    'since', '1', 'sinceAt', int(now), 'words', '0', 'kept', '0', 'grace', '0')
end
if isPhysical then
  call('PERSIST', KEYS[2])
  call('PERSIST', base .. ':fenced')
end
return { '', 1 }
