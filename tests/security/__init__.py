"""What an attacker with a raw socket, a stolen token or a foreign page gets from the running product: nothing."""
