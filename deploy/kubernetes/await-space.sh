# Kafka waits for room on its disk before it starts: started on a full one, it deletes segments that it has acknowledged.
#
#   sh await-space.sh FOLDER MEGABYTES COMMAND...     waits, then becomes the command
#   BASH_ENV=await-space.sh ONHAND_SPACE="FOLDER MEGABYTES" /opt/kafka/kafka_run.sh
#
# In the second way bash reads it before the script that starts Kafka (Strimzi's image), and before no other.

room() {
  # the fourth of the last line's words: megabytes that are free
  set -- $(df -Pm "$1" | tail -n 1)
  echo "$4"
}

await() {
  until [ "$(room "$1")" -ge "$2" ]; do
    echo "waiting: $1 has $(room "$1") MB of room, Kafka starts with $2" >&2
    sleep 5
  done
}

case "$0" in
  */kafka_run.sh) await $ONHAND_SPACE ;;
  *await-space.sh)
    await "$1" "$2"
    shift 2
    exec "$@"
    ;;
esac
