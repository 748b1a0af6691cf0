src := tty.c tty_io.c tty_ioctl.c tty_session.c serial.c keyboard.c fbcon.c font.S
