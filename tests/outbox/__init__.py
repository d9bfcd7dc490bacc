"""Jobs on their way to a broker elsewhere: none is lost, none is sent that was rolled back."""
