-- ARGV: (key, milliseconds, value) of each record.
for at = 1, #ARGV, 3 do keep(ARGV[at], ARGV[at + 1], ARGV[at + 2]) end
return 1
