# Sourced by run_grid.sh and run_xtimes.sh: converts epochs to rounds and steps.

# epochs SAMPLES PROCESSES BATCH ROUNDS_PER_EPOCH EPOCHS: print the flags of a run in which
# each process makes EPOCHS passes over its data, with one test per epoch.
epochs() {
    local batches=$(($1 / $2 / $3)) per_epoch=$4 epochs=$5
    ((batches > 0)) || batches=1
    ((per_epoch < batches)) || per_epoch=$batches # at least one step per round
    local steps=$((batches / per_epoch))
    # batches left over by the division become rounds too
    local rounds=$((batches * epochs / steps))
    local test_after=$((rounds / epochs))
    echo "-is $rounds -ta $test_after -tea $test_after" \
        "--set TRAIN_PARAMS.batch_size=$3 --set TRAIN_PARAMS.rounds=$steps"
}
