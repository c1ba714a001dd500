/**
 * PURE. How an operator starts HAProxy for us on Debian. The unit's own EXTRAOPTS is `-S /run/haproxy-master.sock`: a line that names our folder
 * alone would take the master socket away, and reloads with it.
 */
export function debianLine(managed: string): string {
  return `EXTRAOPTS="-S /run/haproxy-master.sock -f ${managed}" in /etc/default/haproxy`;
}
