-- Jobs of another broker. ARGV: queue, then (id, place, note, body) of each, see put().
for at = 2, #ARGV, 4 do put(ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]) end
return 1
