-- heads(keys): of each value no more than what its body stands behind, false where there is none. For whoever does not give the
-- bodies away: many large ones would hold the server up.
local function heads(keys)
  local all = {}
  for i, key in ipairs(keys) do
    local head = call('GETRANGE', base .. ':v:' .. key, 0, 255)
    if #head == 256 and not string.find(head, '\n', 82, true) then
      -- 64 tags of 512 bytes, percent-encoded, are shorter.
      head = call('GETRANGE', base .. ':v:' .. key, 0, 131071)
    end
    all[i] = head ~= '' and head
  end
  return all
end
