/** PURE. A command in words. */
import type { Command } from './command.ts';

/** A command for people and for the record: its kind, whom it is for, and what it sets. */
export function commandText(command: Command): string {
  const at = `${command.backend}/${command.server}`;
  switch (command.kind) {
    case 'add':
      return `add server ${at} ${command.address} port ${command.port} id ${command.id} weight ${command.weight}${command.maxConn === undefined ? '' : ` maxconn ${command.maxConn}`}${command.backup === true ? ' backup' : ''}`;
    case 'address':
      return `set server ${at} addr ${command.address} port ${command.port}`;
    case 'weight':
      return `set server ${at} weight ${command.weight}`;
    case 'max-conn':
      return `set maxconn server ${at} ${command.maxConn}`;
    case 'check-target':
      return `set server ${at} check ${targetText(command)}`;
    case 'agent-target':
      return `set server ${at} agent ${targetText(command)}`;
    case 'admit':
      return `admit server ${at}`;
    case 'enable-health':
      return `enable health ${at}`;
    case 'shutdown-sessions':
      return `shutdown sessions server ${at}`;
    case 'delete':
      return `del server ${at}`;
    case 'ready':
    case 'drain':
    case 'maint':
      return `set server ${at} state ${command.kind}`;
  }
}

function targetText({ address, port }: { readonly address: string | null; readonly port: number | null }): string {
  return [address, port === null ? null : `port ${port}`].filter((word) => word !== null).join(' ');
}
