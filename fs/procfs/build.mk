src := procfs.c content.c entries.c links.c process.c status.c maps.c mounts.c system.c cpuinfo.c devices.c hornet.c
