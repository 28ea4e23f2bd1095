# Sourced by run_grid.sh and run_xtimes.sh: epochs, as rounds and steps.

# epochs SAMPLES PROCESSES BATCH ROUNDS_PER_EPOCH EPOCHS: print the flags of a run in which
# each process passes EPOCHS times over its part of the data, tested once in each.
epochs() {
    local batches=$(($1 / $2 / $3)) per_epoch=$4 epochs=$5
    ((batches > 0)) || batches=1
    ((per_epoch < batches)) || per_epoch=$batches # a round has one step at least
    local steps=$((batches / per_epoch))
    # what the division left of an epoch's batches becomes rounds too
    local rounds=$((batches * epochs / steps))
    local test_after=$((rounds / epochs))
    echo "-is $rounds -ta $test_after -tea $test_after" \
        "--set TRAIN_PARAMS.batch_size=$3 --set TRAIN_PARAMS.rounds=$steps"
}
