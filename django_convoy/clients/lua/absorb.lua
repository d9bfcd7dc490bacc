-- Puts jobs that came in order, so many; returns 1 if some may be left.
return absorb(MANY) and 1 or 0
