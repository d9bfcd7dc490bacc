-- Keeps one record, for so many milliseconds (0: for ever), and tells who waits for it. Its value
-- begins with "+" if the job succeeded: that is never replaced by a failure. The last of KEYS is
-- there while anybody waits for any record.
local awaited
local function keep(key, life, value)
  if string.sub(value, 1, 1) ~= '+' and string.sub(redis.call('GETRANGE', key, 0, 0), 1, 1) == '+' then
    return
  end
  if life == '0' then
    redis.call('SET', key, value)
  else
    redis.call('SET', key, value, 'PX', life)
  end
  if awaited == nil then awaited = redis.call('EXISTS', KEYS[#KEYS]) == 1 end
  if awaited then redis.call('PUBLISH', key, '') end
end
